alter table v reorganize partition pmax into (partition p1 values less than (2024), partition pmax values less than maxvalue);
