"""Programs as loops over array elements: the form that code is generated from."""
