alter view buyers rename column label to buyer;
