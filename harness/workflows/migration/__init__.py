"""Moving an application to another cluster, namespace or storage class: the plan, the move, its proof, the way back."""
