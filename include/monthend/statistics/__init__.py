"""Control charts, tests and intervals: what may be called a change, and how sure a figure is."""
