"""The steps of the story, one a file. Each is `async def tell(tale)`."""
