"""The project file: what it may say (`model`), how it is read (`load`), secrets (`secrets`)."""
