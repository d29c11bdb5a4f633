UPDATE accounts SET balance = greatest(balance - 10, 0) WHERE currency = 'EUR';
UPDATE accounts SET balance = greatest(balance - 11, 0) WHERE currency <> 'EUR';
