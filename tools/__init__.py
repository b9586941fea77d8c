"""Scripts for authors: train the shipped models, write pages, find a browser, take pictures."""
