"""How fast the shop is: each figure beside a limit measured in the same minute."""
