DROP VIEW rich;
ALTER TABLE accounts DROP COLUMN currency;
