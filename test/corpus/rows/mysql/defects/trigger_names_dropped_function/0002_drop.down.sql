create function tax_of(amount decimal(10,2)) returns decimal(10,2) deterministic return amount * 0.2;
