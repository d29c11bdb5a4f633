CREATE TABLE accounts (
  id bigint unsigned PRIMARY KEY AUTO_INCREMENT,
  owner varchar(100) NOT NULL,
  balance decimal(12, 2) NOT NULL DEFAULT 0,
  CONSTRAINT never_in_debt CHECK (balance >= 0)
);
