"""What `srgan eval` does.

- `scoring`: pairs of pictures -> scores
- `pairs`: which pictures are compared
- `lpips`: LPIPS
- `tables`: scores -> JSON and CSV
- `report`: scores and pictures -> one page, report.html
- `charts`: scores -> charts of that page
"""
