"""From loop IR to machine code: LLVM IR as text, vector mathematics, object bytes."""
