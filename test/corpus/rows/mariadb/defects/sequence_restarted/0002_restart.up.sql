alter sequence ticket_numbers restart with 1;
