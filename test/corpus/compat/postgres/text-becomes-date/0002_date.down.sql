alter table users alter column birthday type text;
