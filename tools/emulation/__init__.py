"""Wallets of litecoind that live on a private chain by a plan, with the truth about whose each coin is."""
