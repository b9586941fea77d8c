"""What turns the notebooks into an interactive book: figures that move, checkers for exercises, and the site."""
