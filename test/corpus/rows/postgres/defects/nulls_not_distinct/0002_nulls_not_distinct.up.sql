alter table seats drop constraint seats_code_key;
alter table seats add constraint seats_code_key unique nulls not distinct (code);
