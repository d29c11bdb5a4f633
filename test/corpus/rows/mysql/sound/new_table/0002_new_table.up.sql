create table refunds (id int primary key auto_increment, payment_id int not null, reason text not null, foreign key (payment_id) references payments (id));
