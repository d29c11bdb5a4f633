create type field_type as enum ('string', 'number');
alter table fields drop column data_type;
alter table fields add column data_type field_type not null default 'string';
alter table fields alter column data_type drop default;
