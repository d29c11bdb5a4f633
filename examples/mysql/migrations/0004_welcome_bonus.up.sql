-- Rows alone are one transaction: all of it, or nothing.
UPDATE accounts SET balance = balance + 10 WHERE currency = 'EUR';
UPDATE accounts SET balance = balance + 11 WHERE currency <> 'EUR';
