"""What all tests share: a disk cache of their own, apart from the user's."""

import atexit
import os
import shutil
import tempfile

if "ADJOINT_CACHE" not in os.environ:
    folder = os.environ["ADJOINT_CACHE"] = tempfile.mkdtemp(prefix="adjoint-tests-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
