update orders set status = 'closed';
