"""What is declared: feeds, measures, boards and people, and the calendar they keep."""
