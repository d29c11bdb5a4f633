insert into plans (name) values ("team");
