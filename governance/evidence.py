"""What the guard is shown: the nearest admitted memories the writer may read, each with its source's weight."""
