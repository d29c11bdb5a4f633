create table orders (id bigint primary key auto_increment, total decimal(10,2) not null, tax decimal(10,2));
create function tax_of(amount decimal(10,2)) returns decimal(10,2) deterministic return amount * 0.2;
create trigger tax_is_kept before insert on orders for each row set new.tax = tax_of(new.total);
