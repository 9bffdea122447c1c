"""What compiled programs need while they run: buffers, the disk cache, threads, the native call."""
