"""What monthend adds to Airflow: a timetable, a task that stores a person's answer, how a task finds its office."""
