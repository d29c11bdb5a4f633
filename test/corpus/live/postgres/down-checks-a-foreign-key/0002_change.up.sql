alter table b drop constraint b_a_id_fkey;
