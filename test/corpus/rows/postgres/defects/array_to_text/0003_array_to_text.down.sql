alter table users alter column tags type text[] using string_to_array(tags, ',');
alter table users alter column tags set default '{}';
