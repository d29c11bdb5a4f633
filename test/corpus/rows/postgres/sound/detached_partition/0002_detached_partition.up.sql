alter table hits detach partition hits_2020;
