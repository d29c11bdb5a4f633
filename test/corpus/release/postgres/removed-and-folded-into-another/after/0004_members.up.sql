create table members (id int primary key generated always as identity, plan_id int not null references plans);
