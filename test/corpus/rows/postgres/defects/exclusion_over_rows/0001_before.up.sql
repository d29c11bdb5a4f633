create table bookings (id bigint generated always as identity primary key, during tstzrange not null);
