alter table payments drop column amount;
