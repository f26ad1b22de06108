"""From questions to training sets: what is asked of teachers, what they answered, what a student is shown."""
