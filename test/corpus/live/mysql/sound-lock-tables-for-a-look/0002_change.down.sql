drop table flags;
