"""Server-rendered pages and their files. Every page works without JavaScript."""
