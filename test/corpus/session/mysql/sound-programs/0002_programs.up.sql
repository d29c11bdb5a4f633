create function short(name varchar(50)) returns varchar(10) deterministic return left(name, 10);
create procedure rename_plan(old varchar(50), new varchar(50)) update plans set name = new where name = old;
create trigger plans_trimmed before insert on plans for each row set new.name = trim(new.name);
insert into plans (name) values (' team ');
