drop type level cascade;
create type level as enum ('low', 'mid', 'high');
