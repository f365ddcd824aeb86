"""The opinion study: a page on which observers rate images, and what their ratings say."""
