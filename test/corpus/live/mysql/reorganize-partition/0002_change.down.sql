alter table v reorganize partition p1, pmax into (partition pmax values less than maxvalue);
