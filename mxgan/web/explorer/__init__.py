"""The explorer of a generator in the server: links, the thread that draws, and what it keeps."""
