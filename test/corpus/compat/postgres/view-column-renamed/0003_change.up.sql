alter view buyers rename column buyer to label;
