update invoices set cents = cents * 100;
