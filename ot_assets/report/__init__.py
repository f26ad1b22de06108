"""A recipe's report: what every step did with the rows, and why each row left, on one page (`ot report`)."""
