"""Starts MiniStack with the gaps closed that running WordPress sites on it needs.

One module closes one gap. Each has an `install()` that puts our function in the place of MiniStack's, through
`patching.replace`, which refuses when a name has gone: the version is pinned, so that is found at once.
"""
