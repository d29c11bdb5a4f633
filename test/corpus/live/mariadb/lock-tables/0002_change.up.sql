lock tables orders write;
update orders set note = 'n';
unlock tables;
