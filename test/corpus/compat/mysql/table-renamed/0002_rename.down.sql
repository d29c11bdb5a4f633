rename table purchases to orders;
