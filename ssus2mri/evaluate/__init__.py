"""How far to trust synthetic MR; knows no model, reads slice files whoever made them."""
