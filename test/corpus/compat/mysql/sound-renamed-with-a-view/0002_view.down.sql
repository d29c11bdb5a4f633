drop view orders;
rename table purchases to orders;
