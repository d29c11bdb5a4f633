CREATE TABLE transfers (
  id bigint unsigned PRIMARY KEY AUTO_INCREMENT,
  source bigint unsigned NOT NULL,
  target bigint unsigned NOT NULL,
  amount decimal(12, 2) NOT NULL,
  CONSTRAINT transfer_source FOREIGN KEY (source) REFERENCES accounts (id),
  CONSTRAINT transfer_target FOREIGN KEY (target) REFERENCES accounts (id)
);

-- The body has semicolons: as for the mysql client, another delimiter stands around it.
DELIMITER //
CREATE TRIGGER move_money AFTER INSERT ON transfers FOR EACH ROW
BEGIN
  UPDATE accounts SET balance = balance - NEW.amount WHERE id = NEW.source;
  UPDATE accounts SET balance = balance + NEW.amount WHERE id = NEW.target;
END//
DELIMITER ;
