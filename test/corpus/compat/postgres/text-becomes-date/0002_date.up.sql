alter table users alter column birthday type date using null;
