alter table users add column settings json;
update users set settings = json_object('theme', 'light') where settings is null;
