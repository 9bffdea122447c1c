"""The imperative face: tensors that record, for those who think in PyTorch's or MXNet's terms.

`tensor` says what an eager tensor is, `saved` what its node keeps, `backward` how gradients are
taken, `mode` when operations are recorded, `function` how one writes a rule of one's own;
`autograd` is the name space that the user sees.
"""
